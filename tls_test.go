package geist_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// issued is a certificate that signs itself.
type issued struct {
	tls.Certificate
	pem, keyPEM []byte
}

// issue makes a certificate for a host, which is its common name too.
func issue(t *testing.T, host string) issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := issued{
		pem:    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		keyPEM: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}
	if c.Certificate, err = tls.X509KeyPair(c.pem, c.keyPEM); err != nil {
		t.Fatal(err)
	}
	return c
}

// write puts the pair into files of a directory.
func (c issued) write(t *testing.T, dir string) (certFile, keyFile string) {
	t.Helper()
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	writeFile(t, certFile, c.pem)
	writeFile(t, keyFile, c.keyPEM)
	return certFile, keyFile
}

func writeFile(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// roots returns a pool that trusts certificates.
func roots(certs ...issued) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AppendCertsFromPEM(c.pem)
	}
	return pool
}

// listenTLSFiles runs ListenTLS until the end of the test and returns its address.
func listenTLSFiles(t *testing.T, app *geist.Engine, certFile, keyFile string) string {
	t.Helper()
	return listenOn(t, app, func() error { return app.ListenTLS("127.0.0.1:0", certFile, keyFile) }).String()
}

// listenOn runs a Listen until the end of the test and returns where.
func listenOn(t *testing.T, app *geist.Engine, listen func() error) net.Addr {
	t.Helper()
	addr, served := make(chan net.Addr, 1), make(chan error, 1)
	app.OnListen(func(a net.Addr) { addr <- a })
	go func() { served <- listen() }()
	select {
	case a := <-addr:
		t.Cleanup(func() {
			_ = shutdownWithin(t, app, 20*time.Second)
			if err := <-served; err != nil {
				t.Errorf("it ended with %v, want nil", err)
			}
		})
		return a
	case err := <-served:
		t.Fatalf("it ended at once: %v", err)
		return nil
	}
}

// handshake connects and returns the connection, whose test may read for a while only.
func handshake(t *testing.T, addr string, cfg *tls.Config) (*tls.Conn, error) {
	t.Helper()
	d := &tls.Dialer{NetDialer: &net.Dialer{Timeout: 20 * time.Second}, Config: cfg}
	c, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c.(*tls.Conn), nil
}

// shownName returns the common name that a server shows for a host.
func shownName(t *testing.T, addr, host string) string {
	t.Helper()
	c, err := handshake(t, addr, &tls.Config{InsecureSkipVerify: true, ServerName: host})
	if err != nil {
		t.Fatalf("handshake: %v", err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// askOver sends a request over a connection and returns the answer.
func askOver(t *testing.T, c net.Conn, path string) string {
	t.Helper()
	_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
	b, err := io.ReadAll(c)
	if err != nil && len(b) == 0 {
		return err.Error()
	}
	return string(b)
}

func TestListenTLS_serves(t *testing.T) {
	cert := issue(t, "a.example")
	app := quiet(geist.Config{DrainIdle: -1})
	app.GET("/", func(c *geist.Ctx) error {
		state := c.TLS()
		if state == nil || state.Version < tls.VersionTLS12 || len(state.PeerCertificates) != 0 {
			t.Errorf("TLS() = %+v", state)
		}
		return c.Text(200, c.Scheme())
	})
	certFile, keyFile := cert.write(t, t.TempDir())
	addr := listenTLSFiles(t, app, certFile, keyFile)
	c, err := handshake(t, addr, &tls.Config{RootCAs: roots(cert), ServerName: "a.example", NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("protocol = %q, want http/1.1", got)
	}
	if got := askOver(t, c, "/"); !strings.HasPrefix(got, "HTTP/1.1 200") || !strings.HasSuffix(got, "\r\n\r\nhttps") {
		t.Errorf("answer = %q, want https", got)
	}
	if _, err := handshake(t, addr, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was spoken")
	}
	if _, err := handshake(t, addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}); err == nil {
		t.Error("HTTP/2 was agreed on")
	}
}

func TestTLS_isNilOnPlainConnections(t *testing.T) {
	app := quiet(geist.Config{DrainIdle: -1})
	app.GET("/", func(c *geist.Ctx) error {
		if c.TLS() != nil {
			t.Error("TLS() is not nil")
		}
		return c.Text(200, c.Scheme())
	})
	ln := listenTCP(t)
	serveLoop(t, app, ln)
	if got := askOver(t, mustDial(t, ln.dial), "/"); !strings.HasSuffix(got, "\r\n\r\nhttp") {
		t.Errorf("answer = %q, want http", got)
	}
}

// notices counts log records by their message.
type notices struct {
	slog.Handler
	broken, changed atomic.Int32
	others          atomic.Int32 // of level info and above
}

func (n *notices) Handle(_ context.Context, r slog.Record) error {
	switch {
	case strings.Contains(r.Message, "cannot be used"):
		n.broken.Add(1)
	case strings.Contains(r.Message, "has changed"):
		n.changed.Add(1)
	case r.Level >= slog.LevelInfo:
		n.others.Add(1)
	}
	return nil
}

func (n *notices) Enabled(context.Context, slog.Level) bool { return true }

// The whole way once, in real time: a new pair by a rename, as Kubernetes does it.
func TestListenTLS_reloads(t *testing.T) {
	log := &notices{Handler: slog.DiscardHandler}
	app := geist.New(geist.Config{DrainIdle: -1, Logger: slog.New(log)})
	root := t.TempDir()
	versions := map[string]issued{"..1": issue(t, "first"), "..2": issue(t, "second")}
	for dir, cert := range versions {
		if err := os.Mkdir(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
		cert.write(t, filepath.Join(root, dir))
	}
	link := func(target, as string) {
		if err := os.Symlink(target, filepath.Join(root, as)); err != nil {
			t.Skip(err) // Windows, without the right to
		}
	}
	link("..1", "..data")
	link("..data/tls.crt", "tls.crt")
	link("..data/tls.key", "tls.key")
	addr := listenTLSFiles(t, app, filepath.Join(root, "tls.crt"), filepath.Join(root, "tls.key"))
	if got := shownName(t, addr, "x"); got != "first" {
		t.Fatalf("certificate = %s, want first", got)
	}
	link("..2", "..tmp")
	if err := os.Rename(filepath.Join(root, "..tmp"), filepath.Join(root, "..data")); err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(20 * time.Second)
	for shownName(t, addr, "x") != "second" {
		if time.Now().After(end) {
			t.Fatal("the new certificate was never used")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if n := log.changed.Load(); n != 1 {
		t.Errorf("the change was logged %d times, want 1", n)
	}
}

func TestListenTLS_badStart(t *testing.T) {
	certFile, keyFile := issue(t, "a.example").write(t, t.TempDir())
	_, otherKey := issue(t, "b.example").write(t, t.TempDir())
	for _, tt := range []struct{ name, cert, key, want string }{
		{"no files", "", "", "Config.TLSConfig"},
		{"one file", certFile, "", certFile},
		{"missing", certFile + "x", keyFile, certFile + "x"},
		{"not a pair", certFile, otherKey, "does not match"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := quiet(geist.Config{}).ListenTLS("127.0.0.1:0", tt.cert, tt.key)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestListenTLS_clientCertificates(t *testing.T) {
	server, client, stranger := issue(t, "a.example"), issue(t, "ada"), issue(t, "eve")
	app := quiet(geist.Config{DrainIdle: -1, TLSConfig: &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots(client)}})
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, c.TLS().VerifiedChains[0][0].Subject.CommonName) })
	certFile, keyFile := server.write(t, t.TempDir())
	addr := listenTLSFiles(t, app, certFile, keyFile)
	for _, tt := range []struct {
		name  string
		certs []tls.Certificate
		want  string // the end of what is read, or of the error
	}{
		{"its own", []tls.Certificate{client.Certificate}, "\r\n\r\nada"},
		{"another one's", []tls.Certificate{stranger.Certificate}, ""},
		{"none", nil, "certificate required"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := &tls.Config{RootCAs: roots(server), ServerName: "a.example", GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if len(tt.certs) > 0 {
					return &tt.certs[0], nil
				}
				return new(tls.Certificate), nil
			}}
			c, err := handshake(t, addr, cfg)
			if err != nil {
				t.Fatal(err) // with TLS 1.3 the client learns of it later
			}
			got := askOver(t, c, "/")
			if !strings.HasSuffix(got, tt.want) || strings.HasPrefix(got, "HTTP/1.1 200") != (tt.name == "its own") {
				t.Errorf("answer = %q, want %q at its end", got, tt.want)
			}
		})
	}
}

func TestListenTLS_certificatesByName(t *testing.T) {
	files, byName, static := issue(t, "files.example"), issue(t, "byname.example"), issue(t, "static.example")
	cfg := &tls.Config{
		Certificates: []tls.Certificate{static.Certificate},
		GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if h.ServerName == "byname.example" {
				return &byName.Certificate, nil
			}
			return nil, nil
		},
	}
	app := quiet(geist.Config{DrainIdle: -1, TLSConfig: cfg})
	certFile, keyFile := files.write(t, t.TempDir())
	addr := listenTLSFiles(t, app, certFile, keyFile)
	for host, want := range map[string]string{
		"byname.example": "byname.example", "static.example": "static.example",
		"files.example": "files.example", "other.example": "files.example",
	} {
		if got := shownName(t, addr, host); got != want {
			t.Errorf("certificate for %s = %s, want %s", host, got, want)
		}
	}
	if len(cfg.NextProtos) != 0 || len(cfg.Certificates) != 1 {
		t.Error("the caller's configuration was changed")
	}
}

func TestListenTLS_certificatesOfConfigAlone(t *testing.T) {
	cert := issue(t, "a.example")
	app := quiet(geist.Config{DrainIdle: -1, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert.Certificate}, NextProtos: []string{"h2", "acme-tls/1"}}})
	addr := listenTLSFiles(t, app, "", "")
	for proto, want := range map[string]string{"acme-tls/1": "acme-tls/1", "http/1.1": "http/1.1"} {
		c, err := handshake(t, addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", proto}})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.ConnectionState().NegotiatedProtocol; got != want {
			t.Errorf("protocol = %q, want %q", got, want)
		}
	}
}

// What is no handshake ends quietly: clients' errors are not the server's.
func TestListenTLS_noHandshake(t *testing.T) {
	log := &notices{Handler: slog.DiscardHandler}
	app := geist.New(geist.Config{DrainIdle: -1, Logger: slog.New(log), ReadTimeout: 50 * time.Millisecond})
	certFile, keyFile := issue(t, "a.example").write(t, t.TempDir())
	addr := listenTLSFiles(t, app, certFile, keyFile)
	for _, tt := range []struct{ name, send, want string }{
		{"HTTP", getRequest("/"), "HTTP/1.1 400 Bad Request\r\n"},
		{"HTTP with a body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000), "HTTP/1.1 400 Bad Request\r\n"},
		{"noise", "\x00\x01\x02\x03\x04\x05\x06", ""},
		{"half a hello", "\x16\x03\x01\x00\xff\x01", ""},
		{"nothing", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := mustDial(t, func() (net.Conn, error) { return net.Dial("tcp", addr) })
			c.send(tt.send)
			got, err := io.ReadAll(c)
			if err, ok := err.(net.Error); ok && err.Timeout() {
				t.Fatal("the connection stays open")
			}
			if tt.want != "" && !bytes.HasPrefix(got, []byte(tt.want)) || bytes.Contains(got, []byte("200")) {
				t.Errorf("answer = %q, want %q", got, tt.want)
			}
			_ = c.Close()
		})
	}
	for geist.OpenConns(app) > 0 {
		time.Sleep(time.Millisecond)
	}
	if n := log.others.Load(); n != 0 {
		t.Errorf("%d messages of level info and above, want none", n)
	}
}

// A drain under TLS finishes what is in progress; see also TestShutdown_listeners.
func TestListenTLS_drains(t *testing.T) {
	app := quiet(geist.Config{DrainIdle: 10 * time.Second})
	entered, release := make(chan struct{}), make(chan struct{})
	app.GET("/wait", func(c *geist.Ctx) error {
		close(entered)
		<-release
		return c.Text(200, "waited")
	})
	certFile, keyFile := issue(t, "a.example").write(t, t.TempDir())
	addr := listenTLSFiles(t, app, certFile, keyFile)
	secure, err := handshake(t, addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	c := &drainClient{secure, bufio.NewReader(secure), t}
	c.send(getRequest("/wait"))
	<-entered
	done := make(chan error, 1)
	go func() { done <- shutdownWithin(t, app, 20*time.Second) }()
	waitNotReady(app)
	close(release)
	c.wants("waited", true)
	c.wantsEOF()
	if err := <-done; err != nil {
		t.Errorf("Shutdown = %v, want nil", err)
	}
}
