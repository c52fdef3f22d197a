package geist_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

// Chat rooms: what one says, the others in the room hear, in one order for all.
func ExampleEngine_WS() {
	app, h := geist.New(), hub.New(hub.Config{})
	app.WS("/chat/:room", func(c *geist.Ctx, ws *geist.Conn) error {
		room := c.Param("room")
		if room == "staff" {
			return geist.NewError(403, "staff only") // still a plain HTTP answer
		}
		if _, err := h.Join(ws, room); err != nil {
			return err
		}
		for {
			m, err := ws.Read()
			if err != nil {
				return err // a client that leaves is no error
			}
			msg := hub.Message{Data: m.Data, Binary: m.Type == geist.BinaryMessage}
			if _, err := h.Publish(c.Context(), room, msg, hub.Except(ws.ID())); err != nil {
				return err
			}
		}
	})
	exampleDo(app, func(t *geisttest.Client) {
		ada, bob := t.WS("/chat/general"), t.WS("/chat/general")
		ada.Ping("") // both are in the room
		bob.Ping("")
		ada.Send("Hello")
		fmt.Printf("bob hears %s\n", bob.Next().Data)
		ada.Close(1000, "")
		fmt.Println(t.GET("/chat/staff").Handshake().Do().StatusCode)
	})
	// Output:
	// bob hears Hello
	// 403
}

// Compressed JSON, in a subprotocol, for pages of another host.
func ExampleConn_ReadJSON() {
	app := geist.New()
	app.WS("/sum", func(_ *geist.Ctx, ws *geist.Conn) error {
		slog.Debug("a client", "protocol", ws.Subprotocol())
		for sum := 0; ; {
			var n int
			if err := ws.ReadJSON(&n); err != nil {
				return err
			}
			sum += n
			if err := ws.WriteJSON(geist.Map{"sum": sum}); err != nil {
				return err
			}
		}
	}, geist.Subprotocols("sum.v1"), geist.Origins("https://*.example.org"), geist.Compression(0))
	exampleDo(app, func(t *geisttest.Client) {
		ws := t.GET("/sum").Header("Sec-WebSocket-Protocol", "sum.v1").Header("Origin", "https://app.example.org").WS()
		ws.SendJSON(1)
		ws.Next()
		ws.SendJSON(41)
		fmt.Println(ws.Subprotocol(), string(ws.Next().Data))
		ws.Close(1000, "")
	})
	// Output: sum.v1 {"sum":42}
}

func ExampleConn_Follow() {
	app, h := geist.New(), hub.New(hub.Config{})
	app.WS("/news", func(_ *geist.Ctx, ws *geist.Conn) error {
		return ws.Follow(h, "news") // costs no goroutine
	})
	exampleDo(app, func(t *geisttest.Client) {
		ada := t.WS("/news")
		ada.Ping("") // she is in the room
		if _, err := h.Publish(context.Background(), "news", hub.Message{Data: []byte("spring")}); err != nil {
			fmt.Println(err)
		}
		fmt.Printf("%s\n", ada.Next().Data)
	})
	// Output: spring
}
