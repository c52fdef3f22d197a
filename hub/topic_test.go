package hub

import (
	"errors"
	"strconv"
	"testing"
)

type order struct {
	ID   int    `json:"id"`
	Name string `json:"name,omitempty"`
}

func TestTopic_json(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		orders := Topic[order]{Hub: h, Room: "room", Event: "order"}
		s, err := orders.Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		client := join(t, h, lines{}, "room")
		if _, err := orders.Publish(t.Context(), order{7, "tea"}); err != nil {
			t.Fatal(err)
		}
		publish(t, h, "room", "of no topic")
		if _, err := h.Publish(t.Context(), "room", Message{Event: "order", Data: []byte("{")}); err != nil {
			t.Fatal(err)
		}
		pos, err := orders.Publish(t.Context(), order{ID: 8}, Except(client.ID()))
		if err != nil {
			t.Fatal(err)
		}
		client.wants(t, `room/order 1 {"id":7,"name":"tea"}`, "room 2 of no topic", "room/order 3 {")
		i := 0
		for v, err := range s.All() {
			switch i++; i {
			case 1:
				if want := (order{7, "tea"}); v.Value != want || err != nil {
					t.Errorf("received %+v, %v, want %+v", v.Value, err, want)
				}
			case 2:
				if !errors.Is(err, ErrMessage) || string(v.Data) != "{" || v.Pos.Offset != 3 {
					t.Errorf("received %+v, %v, want ErrMessage", v, err)
				}
			case 3:
				if v.Value.ID != 8 || v.Pos != pos || err != nil {
					t.Errorf("received %+v, %v, want 8 at %v", v, err, pos)
				}
				s.Close()
			case 4:
				wantError(t, "All", err, ErrConnClosed)
			}
		}
		if i != 4 {
			t.Errorf("%d pairs, want 4", i)
		}
	})
}

// TestTopic_codec uses functions of its own, and tells gaps.
func TestTopic_codec(t *testing.T) {
	odd := errors.New("odd")
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		numbers := Topic[int]{
			Hub: h, Room: "room", Binary: true,
			Marshal: func(n int) ([]byte, error) {
				if n%2 == 1 {
					return nil, odd
				}
				return []byte(strconv.Itoa(n)), nil
			},
			Unmarshal: func(b []byte) (int, error) { return strconv.Atoi(string(b)) },
		}
		_, err := numbers.Publish(t.Context(), 1)
		wantError(t, "Publish", err, odd)
		wantError(t, "Publish", err, ErrMessage)
		_, err = numbers.Publish(t.Context(), 2)
		wantError(t, "Publish", err, nil)
		s, err := numbers.Subscribe(t.Context(), Since(Pos{1, 1}))
		wantError(t, "Subscribe", err, nil)
		defer s.Close()
		_, err = numbers.Publish(t.Context(), 4)
		wantError(t, "Publish", err, nil)
		i := 0
		for v, err := range s.All() {
			if i++; i == 1 {
				if !v.Gap || err != nil {
					t.Errorf("received %+v, %v, want a gap", v, err)
				}
				continue
			}
			if v.Value != 4 || !v.Binary || err != nil {
				t.Errorf("received %+v, %v, want 4", v, err)
			}
			break
		}
		_, err = Topic[int]{Hub: h}.Subscribe(t.Context())
		wantError(t, "Subscribe", err, ErrRoomName)
	})
}
