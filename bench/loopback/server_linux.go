package loopback

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/gogeist/geist/bench/peers"
)

// flagServe is the first argument of a process that is a server. The peer's name follows, its
// application, and how connections are secured.
const flagServe = "-loopback-server"

// The applications of a peer, and what secures connections.
const (
	appPlain = "plain"
	appAPI   = "api"
	overTCP  = "tcp"
	overTLS  = "tls"
)

// greeting is what a server says when it listens, as a line of JSON.
type greeting struct {
	Addr string
	// Cert is the certificate in PEM, if there is one.
	Cert string `json:",omitempty"`
}

// ServeArgs is a server if args, without the program's name, say so. It reports whether they
// did.
func ServeArgs(args []string) (bool, error) { return serveArgs(args, peers.All()) }

func serveArgs(args []string, all []peers.Peer) (bool, error) {
	if len(args) != 4 || args[0] != flagServe {
		return false, nil
	}
	signal.Ignore(os.Interrupt) // a terminal sends it to all: the first process decides
	i := slices.IndexFunc(all, func(p peers.Peer) bool { return p.Name == args[1] })
	if i < 0 {
		return true, fmt.Errorf("no peer is called %q", args[1])
	}
	build := all[i].Plain
	if args[2] == appAPI {
		build = all[i].API
	}
	if build == nil {
		return true, fmt.Errorf("%s has no application %q", args[1], args[2])
	}
	return true, serve(build, args[3] == overTLS)
}

// serve builds an application and serves it on a port of the loopback, until the standard
// input ends and the process with it.
func serve(build func() (peers.App, error), secured bool) error {
	app, err := build()
	if err != nil {
		return err
	}
	var g greeting
	var conf *tls.Config
	if secured {
		if conf, g.Cert, err = newCertificate(); err != nil {
			return err
		}
	}
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { // it ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	g.Addr = ln.Addr().String()
	if err := json.NewEncoder(os.Stdout).Encode(g); err != nil {
		return err
	}
	return serveApp(app, ln, conf)
}

// serveApp serves as users of the framework do. It does not return while all is well.
func serveApp(app peers.App, ln net.Listener, conf *tls.Config) error {
	if app.Hertz != nil {
		if _, err := app.Hertz.Run(peers.HertzOptions{Listener: ln, TLS: conf}); err != nil {
			return err
		}
		select {} // it serves in a goroutine of its own
	}
	if conf != nil {
		ln = tls.NewListener(ln, conf)
	}
	switch {
	case app.HTTP != nil:
		return peers.HTTPServer(app.HTTP).Serve(ln)
	case app.Serve != nil:
		return app.Serve(ln)
	case app.FastServer != nil:
		return app.FastServer.Serve(ln)
	case app.Fast != nil:
		return peers.FastServer(app.Fast).Serve(ln)
	}
	return errors.New("the application has no handler")
}

// newCertificate returns a certificate for the loopback, which it has signed itself, and that
// certificate in PEM.
func newCertificate() (*tls.Config, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, "", err
	}
	conf := &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		MinVersion:   tls.VersionTLS13, NextProtos: []string{"http/1.1"},
	}
	return conf, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}
