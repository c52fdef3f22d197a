package geist_test

import (
	"testing"

	"github.com/gogeist/geist"
)

func TestConn_echo(t *testing.T) {
	app := geist.New()
	app.WS("/echo", echo)
	c := openWS(t, serveWS(t, app), "/echo")
	c.text("Hello")
	c.want("text Hello")
	c.sendClose(1000, "bye")
	c.want("close 1000", "EOF")
}
