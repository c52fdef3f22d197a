package codecs

import (
	"errors"
	"fmt"
	"io"

	"github.com/gogeist/geist"
	"google.golang.org/protobuf/proto"
)

// Protobuf returns a codec of application/protobuf for messages (proto.Message) nested
// at most 64 deep. Malformed data are 400, a message that lacks a required field is
// 422, and what is no message 415; Ctx.Negotiate then answers in another form. A
// repeated field has at most as many elements as the body has bytes. It is safe for
// many goroutines.
func Protobuf() geist.Codec {
	return protobufCodec{proto.UnmarshalOptions{RecursionLimit: maxDepth, AllowPartial: true}}
}

type protobufCodec struct{ options proto.UnmarshalOptions }

// Encode writes v, a message.
func (protobufCodec) Encode(w io.Writer, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("%w: %T is no proto.Message", errors.ErrUnsupported, v)
	}
	b, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// Decode reads a message, which is all of data.
func (p protobufCodec) Decode(data []byte, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("%w: %T is no proto.Message", errors.ErrUnsupported, v)
	}
	if err := p.options.Unmarshal(data, m); err != nil {
		return geist.NewError(400, "the body is not valid protobuf").Wrap(err)
	}
	return proto.CheckInitialized(m)
}
