package generator

import (
	"strings"
	"testing"
)

const okAnswer = "HTTP/1.1 200 OK\r\nDate: x\r\ncontent-length: 5\r\n\r\nhello"

// TestAnswer_anyCut: it does not matter where reads end.
func TestAnswer_anyCut(t *testing.T) {
	hello := &Exchange{Name: "hello", Status: 200, Body: []byte("hello")}
	none := &Exchange{Name: "none", Status: 204}
	stream := okAnswer + "HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n" + okAnswer
	for cut := range len(stream) {
		for second := cut; second < len(stream); second += 7 {
			var a answer
			var rest []byte
			done := 0
			for _, part := range []string{stream[:cut], stream[cut:second], stream[second:]} {
				rest = append(rest, part...)
				for ok := true; ok && len(rest) > 0; {
					e := hello
					if done == 1 {
						e = none
					}
					var err error
					if rest, ok, err = a.feed(e, rest); err != nil {
						t.Fatalf("cut at %d and %d: %v", cut, second, err)
					}
					if ok {
						done++
					}
				}
			}
			if done != 3 || len(rest) != 0 {
				t.Fatalf("cut at %d and %d: %d answers and %q left", cut, second, done, rest)
			}
		}
	}
}

func TestAnswer_refuses(t *testing.T) {
	for _, tt := range []struct{ name, answer, want string }{
		{"another status", "HTTP/1.1 500 Oh\r\nContent-Length: 5\r\n\r\nhello", `answered "500 Oh", want 200`},
		{"another length", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!", "answered 6 bytes, want 5"},
		{"another body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhullo", `has "hullo", want "hello"`},
		{"no length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello", "without Content-Length"},
		{"a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "invalid syntax"},
		{"another protocol", "HTTP/2 200\r\n\r\n", `answered with "HTTP/2 200"`},
		{"no status", "HTTP/1.1 \r\n\r\n", "answered with"},
		{"a header without an end", strings.Repeat("x", headLimit+1), "more than 16384 bytes"},
	} {
		var a answer
		_, _, err := a.feed(&Exchange{Name: "hello", Status: 200, Body: []byte("hello")}, []byte(tt.answer))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestClosing(t *testing.T) {
	got := string(closing([]byte("POST / HTTP/1.1\r\nHost: a\r\n\r\nx\r\n\r\ny")))
	if want := "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nx\r\n\r\ny"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
