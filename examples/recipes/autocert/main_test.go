package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A certificate that is in the cache is served without asking anybody; a name that
// is not on the list is refused, also without.
func TestAutocert_servesFromItsCache(t *testing.T) {
	cache := t.TempDir()
	putCertificate(t, filepath.Join(cache, "a.example"), "a.example")
	app := newApp(manager(cache, "a.example"))
	addrs, served := make(chan net.Addr, 1), make(chan error, 1)
	app.OnListen(func(a net.Addr) { addrs <- a })
	go func() { served <- app.ListenTLS("127.0.0.1:0", "", "") }()
	var addr string
	select {
	case a := <-addrs:
		addr = a.String()
	case err := <-served:
		t.Fatal(err)
	}
	dial := func(host, proto string) (*tls.Conn, error) {
		d := &net.Dialer{Timeout: 20 * time.Second}
		return tls.DialWithDialer(d, "tcp", addr, &tls.Config{ServerName: host, InsecureSkipVerify: true, NextProtos: []string{proto}})
	}
	c, err := dial("a.example", "http/1.1")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
	if b, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(b), "hello over https") {
		t.Errorf("answer = %q, %v", b, err)
	}
	_ = c.Close()
	if _, err := dial("b.example", "http/1.1"); err == nil {
		t.Error("a certificate for b.example, which is not on the list")
	}
	if err := app.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// putCertificate writes a file as autocert keeps it: the key, then the certificate.
func putCertificate(t *testing.T, file, host string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(80 * 24 * time.Hour), // far from its renewal
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	content := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
	content = append(content, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
