package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
)

// Topic is a room whose messages are values of one type. It is a description, made as a
// literal and copied at will:
//
//	orders := hub.Topic[Order]{Hub: h, Room: "orders"}
//	pos, err := orders.Publish(ctx, Order{ID: 7})
//
// Clients in the room receive the encoded values like any other message.
type Topic[T any] struct {
	// Hub has the room.
	Hub *Hub
	// Room is its name.
	Room string
	// Event is that of the messages. If it is set, Subscribe passes over those of
	// others, so that a room has several topics; else it takes all.
	Event string
	// Marshal encodes a value. Nil means JSON by encoding/json. Unless Binary is set it
	// must make UTF-8.
	Marshal func(T) ([]byte, error)
	// Unmarshal decodes one. Nil means JSON by encoding/json. It may keep the bytes.
	Unmarshal func([]byte) (T, error)
	// Binary is that of the messages.
	Binary bool
}

// Publish encodes a value and publishes it. It returns what Hub.Publish does, and
// ErrMessage with the error of Marshal.
func (t Topic[T]) Publish(ctx context.Context, v T, opts ...PublishOption) (Pos, error) {
	marshal := t.Marshal
	if marshal == nil {
		marshal = func(v T) ([]byte, error) { return json.Marshal(v) }
	}
	data, err := marshal(v)
	if err != nil {
		return Pos{}, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return t.Hub.Publish(ctx, t.Room, Message{Event: t.Event, Data: data, Binary: t.Binary}, opts...)
}

// Value is what a TopicSubscription receives: a value, or a gap.
type Value[T any] struct {
	// Value was published, unless there is a gap.
	Value T
	// Delivery is how it came.
	Delivery
}

// TopicSubscription is a Subscription whose All decodes.
type TopicSubscription[T any] struct {
	*Subscription
	topic Topic[T]
}

// Subscribe puts the application into the room, as Hub.Subscribe does.
func (t Topic[T]) Subscribe(ctx context.Context, opts ...JoinOption) (*TopicSubscription[T], error) {
	s, err := t.Hub.Subscribe(ctx, t.Room, opts...)
	if err != nil {
		return nil, err
	}
	return &TopicSubscription[T]{Subscription: s, topic: t}, nil
}

// All returns what is received, one after the other, as that of Subscription does. What
// cannot be decoded comes with ErrMessage and the Delivery: only a loop that leaves then
// misses what follows.
func (s *TopicSubscription[T]) All() iter.Seq2[Value[T], error] {
	return func(yield func(Value[T], error) bool) {
		for d, err := range s.Subscription.All() {
			if err == nil && !d.Gap && s.topic.Event != "" && d.Event != s.topic.Event {
				continue
			}
			v := Value[T]{Delivery: d}
			if err == nil && !d.Gap {
				v.Value, err = s.topic.decode(d.Data)
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

func (t *Topic[T]) decode(data []byte) (v T, err error) {
	if t.Unmarshal != nil {
		v, err = t.Unmarshal(data)
	} else {
		err = json.Unmarshal(data, &v)
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return v, err
}
