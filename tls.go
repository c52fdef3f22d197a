package geist

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ListenTLS listens like Listen and speaks TLS, with Go's defaults (TLS 1.2 and
// newer) unless Config.TLSConfig says otherwise, and HTTP/1.1. The files hold a
// certificate with its chain, and its key, in PEM. They are looked at once a second
// at most, when a client connects: a new pair is used from then on, one that cannot
// be used is logged, and the old one stays. Both may be "" if Config.TLSConfig has
// certificates; if both are given, the files' certificate is for clients whom those
// do not suit.
func (e *Engine) ListenTLS(addr, certFile, keyFile string) error {
	if err := e.freeze(); err != nil {
		return err
	}
	cfg, err := e.set.tlsConfig(certFile, keyFile)
	if err != nil {
		return err
	}
	ln, err := e.listen(addr)
	if err != nil {
		return err
	}
	return e.Serve(tls.NewListener(ln, cfg))
}

// tlsConfig returns the configuration for a listener.
func (s *settings) tlsConfig(certFile, keyFile string) (*tls.Config, error) {
	cfg := &tls.Config{}
	if s.TLSConfig != nil {
		cfg = s.TLSConfig.Clone()
	}
	cfg.NextProtos = onlyHTTP1(cfg.NextProtos)
	if certFile == "" && keyFile == "" {
		if len(cfg.Certificates) == 0 && cfg.GetCertificate == nil && cfg.GetConfigForClient == nil {
			return nil, errors.New("geist: listen with TLS: there is no certificate: name its files, or set Certificates or GetCertificate of Config.TLSConfig")
		}
		return cfg, nil
	}
	files := &certFiles{cert: certFile, key: keyFile, log: s.logger}
	if err := files.load(files.look()); err != nil {
		return nil, fmt.Errorf("geist: listen with TLS: %w", err)
	}
	files.next.Store(time.Now().Add(certLook).UnixNano())
	cfg.GetCertificate = files.after(cfg)
	cfg.Certificates = nil // else GetCertificate would not be asked for clients without SNI
	return cfg, nil
}

// onlyHTTP1 returns the protocols to offer: those given, but for HTTP/2, which
// would be chosen and is not spoken. ACME's challenge, acme-tls/1, is not HTTP.
func onlyHTTP1(protos []string) []string {
	protos = slices.DeleteFunc(slices.Clone(protos), func(p string) bool { return p == "h2" })
	if !slices.Contains(protos, "http/1.1") {
		protos = append(protos, "http/1.1")
	}
	return protos
}

// certFiles is a certificate in two files that change.
type certFiles struct {
	cert, key string
	log       func() *slog.Logger
	current   atomic.Pointer[tls.Certificate]
	next      atomic.Int64 // unix nanoseconds before which the files are not looked at

	mu   sync.Mutex
	seen [2]os.FileInfo // guarded by mu; the files that were tried last, nil for one that was not there
}

// certLook is the least time between two looks at the files.
const certLook = time.Second

// after returns what tls.Config.GetCertificate is to be: what cfg has itself comes
// first.
func (f *certFiles) after(cfg *tls.Config) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	own, static := cfg.GetCertificate, cfg.Certificates
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if own != nil {
			if cert, err := own(hello); cert != nil || err != nil {
				return cert, err
			}
		}
		for i := range static {
			if hello.SupportsCertificate(&static[i]) == nil {
				return &static[i], nil
			}
		}
		return f.get(), nil
	}
}

// get returns the certificate. One handshake at a time looks at the files; others
// take what there is meanwhile.
func (f *certFiles) get() *tls.Certificate {
	now := time.Now()
	if now.UnixNano() >= f.next.Load() && f.mu.TryLock() {
		f.reload()
		f.next.Store(now.Add(certLook).UnixNano())
		f.mu.Unlock()
	}
	return f.current.Load()
}

// reload loads the files if they are not those that were tried last. f.mu must be held.
func (f *certFiles) reload() {
	found := f.look()
	if sameFile(found[0], f.seen[0]) && sameFile(found[1], f.seen[1]) {
		return
	}
	if err := f.load(found); err != nil {
		f.log().Warn("the new certificate cannot be used, the old one stays", "error", err)
		return
	}
	f.log().Info("the certificate has changed", "file", f.cert, "expires", f.current.Load().Leaf.NotAfter)
}

// look returns what the files are now. Links are followed: a Kubernetes secret
// changes by one.
func (f *certFiles) look() (found [2]os.FileInfo) {
	for i, name := range []string{f.cert, f.key} {
		if info, err := os.Stat(name); err == nil {
			found[i] = info
		}
	}
	return found
}

// load reads the files, which were found before: a change while they are read is
// seen the next time.
func (f *certFiles) load(found [2]os.FileInfo) error {
	f.seen = found
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", f.cert, f.key, err)
	}
	f.current.Store(&pair)
	return nil
}

func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// TLS returns the state of the request's TLS connection, with the client's
// certificates if Config.TLSConfig asks for them, or nil on a plain connection. It is
// a copy and stays valid. A proxy's word (see Scheme) does not count.
func (c *Ctx) TLS() *tls.ConnectionState {
	c.check()
	return c.rc.TLSConnectionState()
}

// answerPlain answers a client that speaks HTTP to a TLS port, in HTTP, as net/http
// does. failed is the error of the handshake.
func answerPlain(failed error) {
	var notTLS tls.RecordHeaderError
	if !errors.As(failed, &notTLS) || notTLS.Conn == nil || !startsRequest(notTLS.RecordHeader) {
		return
	}
	conn := notTLS.Conn
	const text = "Client sent an HTTP request to an HTTPS server.\n"
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	if tcp, ok := conn.(*net.TCPConn); ok && tcp.CloseWrite() == nil && tcp.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.Copy(io.Discard, struct{ io.Reader }{tcp}) // see connState.close
	}
}

// startsRequest tells a request by its first bytes.
func startsRequest(b [5]byte) bool {
	switch string(b[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "PATCH", "DELET":
		return true
	}
	return false
}
