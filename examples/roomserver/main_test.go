package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gogeist/geist/geisttest"
)

func TestRoomserver(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "geist.js"), []byte("export {}"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := geisttest.New(t, newApp(dir))
	c.GET("/geist.js").Do().Status(200).BodyIs("export {}")
	c.GET("/rt?policy=none").Handshake().Do().Status(404)
	for policy, want := range map[string]string{
		"":                 `["error",1,"not_joined","not in the room"]`,
		"?policy=readonly": `["error",1,"not_joined","not in the room"]`,
	} {
		ws := c.GET("/rt"+policy).Header("Sec-WebSocket-Protocol", "geist.v1").WS()
		ws.Send(`["hello"]`).Next()
		ws.Send(`["leave",1,"a"]`).Next().Text(want)
	}
	ws := c.GET("/rt?policy=token").Header("Sec-WebSocket-Protocol", "geist.v1").WS()
	ws.Send(`["hello",{"token":"bad"}]`).Next().Text(`["error",0,"unauthorized","nobody has that token"]`)
	ws.Next().Text(`["bye","unauthorized"]`)
	ws.Closed(4401)
}
