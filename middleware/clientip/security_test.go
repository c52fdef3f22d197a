package clientip_test

import (
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/clientip"
)

// fields are those by which clients try to choose their address.
var fields = [...]string{
	"X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP", "Forwarded", "X-Cluster-Client-IP",
}

// TestCVE_2020_28483_forwardedForIsNotBelieved: of a stranger no field counts, and of a proxy
// only the one that it sets.
func TestCVE_2020_28483_forwardedForIsNotBelieved(t *testing.T) {
	config := clientip.Config{Header: clientip.CFConnectingIP, Trusted: []string{proxy}}
	for _, name := range fields {
		value := "127.0.0.1"
		if name == "Forwarded" {
			value = "for=127.0.0.1"
		}
		client := geisttest.New(t, newApp(config))
		client.GET("/").RemoteAddr(stranger).Header(name, value).Do().BodyIs(stranger)
		if name != clientip.CFConnectingIP {
			client.GET("/").Header(clientip.CFConnectingIP, "203.0.113.7").Header(name, value).Do().BodyIs("203.0.113.7")
			client.GET("/").Header(name, value).Do().BodyIs("unknown")
		}
	}
}

// TestCVE_2023_41338_localIsNotClaimed: nobody gets past a list by claiming to be local.
func TestCVE_2023_41338_localIsNotClaimed(t *testing.T) {
	app := newApp(clientip.Config{Header: clientip.Forwarded, Trusted: []string{proxy}, Allow: []string{"127.0.0.0/8", "::1"}})
	client := geisttest.New(t, app)
	for _, value := range []string{
		"for=127.0.0.1, for=" + stranger, `for="[::1]", for=` + stranger, "for=127.0.0.1, for=unknown", "for=localhost",
		"for=" + stranger + `;host="a, for=127.0.0.1"`,
	} {
		client.GET("/").Header("Forwarded", value).Do().Status(403)
	}
	client.GET("/").RemoteAddr(stranger).Header("Forwarded", "for=127.0.0.1").Do().Status(403)
	client.GET("/").Header("Forwarded", "for=127.0.0.1").Do().Status(200)
}

// TestGHSA_9g5q_realIPOfAnybody: chi's RealIP took the first address of whatever was sent.
func TestGHSA_9g5q_realIPOfAnybody(t *testing.T) {
	app := newApp(clientip.Config{Header: clientip.XRealIP, Trusted: []string{proxy}})
	client := geisttest.New(t, app)
	client.GET("/").Header("X-Real-IP", "127.0.0.1, "+stranger).Do().BodyIs("unknown")
	client.GET("/").Header("True-Client-IP", "127.0.0.1").Header("X-Real-IP", "203.0.113.7").Do().BodyIs("203.0.113.7")
}

// TestCVE_2026_45045_addedField: a proxy that adds its field behind the client's own instead
// of replacing it tells nothing.
func TestCVE_2026_45045_addedField(t *testing.T) {
	app := newApp(clientip.Config{Header: clientip.XRealIP, Trusted: []string{proxy}})
	geisttest.New(t, app).GET("/").Header("X-Real-IP", "127.0.0.1").Header("X-Real-IP", "203.0.113.7").Do().BodyIs("unknown")
}

// TestCVE_2022_31813_droppedField: a client that makes the proxy drop its field, by
// Connection: X-Real-IP, does not pass for the proxy.
func TestCVE_2022_31813_droppedField(t *testing.T) {
	app := newApp(clientip.Config{Header: clientip.XRealIP, Trusted: []string{proxy}, Allow: []string{"192.0.2.0/24"}})
	client := geisttest.New(t, app)
	client.GET("/").Header("Connection", "X-Real-IP").Do().Status(403)
	client.GET("/").Header("X-Real-IP", "192.0.2.77").Do().Status(200)
}

// TestNew_longHeaders: fields of 100 kB cost no more than reading them, and never a 500.
func TestNew_longHeaders(t *testing.T) {
	app := geist.New(geist.Config{MaxHeaderBytes: 256 << 10})
	app.Use(clientip.New(clientip.Config{Header: clientip.Forwarded, Trusted: []string{proxy, "10.0.0.0/8"}}))
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, told(c)) })
	client := geisttest.New(t, app)
	for unit, want := range map[string]string{
		",": "unknown", "for=10.0.0.1,": "10.0.0.1", "for=1.1.1.1,": "1.1.1.1", `"`: "unknown", ";": "unknown", `for="\`: "unknown",
	} {
		client.GET("/").Header("Forwarded", strings.Repeat(unit, 100_000/len(unit))).Do().Status(200).BodyIs(want)
	}
}
