package geistclient

import (
	"errors"
	"fmt"
)

// State says whether a client is connected.
type State uint8

// The states of a client.
const (
	Connecting State = iota // an attempt is under way
	Open                    // the server has said welcome
	Waiting                 // for the next attempt
	Closed                  // for good
)

// String returns the name of the state.
func (s State) String() string {
	names := [...]string{"Connecting", "Open", "Waiting", "Closed"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// change is one that OnState is told.
type change struct {
	state State
	err   error
}

// State returns whether the client is connected.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

func (c *Client) setState(s State, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.setStateLocked(s, err)
}

// setStateLocked changes the state and has OnState told. c.mu must be held.
func (c *Client) setStateLocked(s State, err error) {
	if s == Closed && errors.Is(err, ErrClosed) {
		err = nil // as the application wished
	}
	c.state = s
	if c.conf.OnState == nil {
		return
	}
	c.changes = append(c.changes, change{s, err})
	if !c.telling {
		c.telling = true
		go c.tell()
	}
}

// tell calls OnState. It ends when there is nothing to tell.
func (c *Client) tell() {
	for {
		c.mu.Lock()
		if len(c.changes) == 0 {
			c.telling = false
			c.mu.Unlock()
			return
		}
		next := c.changes[0]
		c.changes = c.changes[1:]
		c.mu.Unlock()
		c.conf.OnState(next.state, next.err)
	}
}
