package geist

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pairOf returns the PEM of a certificate with a serial number, and of its key.
func pairOf(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &priv.PublicKey, priv)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// TestCertFiles_reload follows a pair of files through fake time: what is done to
// them, what is served a second later, and what the log has said by then.
func TestCertFiles_reload(t *testing.T) {
	cert1, key1 := pairOf(t, 1)
	cert2, key2 := pairOf(t, 2)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "c"), filepath.Join(dir, "k")
	put := func(name string, content []byte) {
		// By a new file, so that the time of the file system does not matter.
		if err := os.WriteFile(name+"~", content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+"~", name); err != nil {
			t.Fatal(err)
		}
	}
	put(certFile, cert1)
	put(keyFile, key1)
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		set := &settings{Config: Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}}
		cfg, err := set.tlsConfig(certFile, keyFile)
		if err != nil {
			t.Fatal(err)
		}
		serial := func() int64 {
			cert, err := cfg.GetCertificate(new(tls.ClientHelloInfo))
			if err != nil {
				t.Fatal(err)
			}
			return cert.Leaf.SerialNumber.Int64()
		}
		for _, step := range []struct {
			name  string
			do    func()
			wait  time.Duration
			want  int64
			warns int // in all
		}{
			{"nothing", func() {}, time.Second, 1, 0},
			{"half of a change", func() { put(certFile, cert2) }, time.Second, 1, 1},
			{"still", func() {}, time.Second, 1, 1},
			{"the other half, too soon", func() { put(keyFile, key2) }, 0, 1, 1},
			{"a second later", func() {}, time.Second, 2, 1},
			{"gone", func() { _ = os.Remove(keyFile) }, time.Second, 2, 2},
			{"still gone", func() {}, time.Second, 2, 2},
			{"noise", func() { put(keyFile, []byte("noise")) }, time.Second, 2, 3},
			{"back", func() { put(certFile, cert1); put(keyFile, key1) }, time.Second, 1, 3},
		} {
			step.do()
			time.Sleep(step.wait)
			if got := serial(); got != step.want {
				t.Errorf("%s: certificate %d, want %d", step.name, got, step.want)
			}
			if got := strings.Count(log.String(), "level=WARN"); got != step.warns {
				t.Errorf("%s: %d warnings, want %d:\n%s", step.name, got, step.warns, log.String())
			}
		}
		if strings.Contains(log.String(), "PRIVATE") || strings.Contains(log.String(), "noise") {
			t.Errorf("the log shows a key: %s", log.String())
		}
	})
}
