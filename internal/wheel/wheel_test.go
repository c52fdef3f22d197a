package wheel

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist/internal/leakcheck"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

// alarm notes when it went off.
type alarm struct {
	Timer
	at    time.Time
	fired int
}

func (a *alarm) Expire() { a.at, a.fired = time.Now(), a.fired+1 }

func TestWheel_neverEarlyAtMostTwoTicksLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Wheel
		begin := time.Now()
		random := rand.New(rand.NewPCG(1, 2))
		want := map[*alarm]time.Duration{}
		for range 2000 {
			a, d := &alarm{}, time.Duration(random.Int64N(int64(200*time.Second)))
			want[a] = d
			w.Set(&a.Timer, d, a)
		}
		time.Sleep(201 * time.Second)
		synctest.Wait()
		for a, d := range want {
			if late := a.at.Sub(begin) - d; a.fired != 1 || late < 0 || late > 2*Tick {
				t.Errorf("set to %s: got fired %d times, %s late, want once and at most %s", d, a.fired, late, 2*Tick)
			}
		}
	})
}

func TestWheel_setAgainAndStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Wheel
		begin := time.Now()
		var again, stopped, both alarm
		w.Set(&again.Timer, time.Second, &again)
		w.Set(&again.Timer, 3*time.Second, &again)
		w.Set(&stopped.Timer, time.Second, &stopped)
		w.Set(&both.Timer, time.Second, &both)
		if !w.Stop(&stopped.Timer) || w.Stop(&stopped.Timer) {
			t.Error("Stop: got another answer than true, then false")
		}
		w.Stop(&both.Timer)
		w.Set(&both.Timer, 2*time.Second, &both)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := again.at.Sub(begin); again.fired != 1 || got < 3*time.Second {
			t.Errorf("set again: got %d times, at %s, want once at 3s", again.fired, got)
		}
		if stopped.fired != 0 {
			t.Errorf("stopped: got fired %d times", stopped.fired)
		}
		if both.fired != 1 {
			t.Errorf("stopped and set: got fired %d times, want once", both.fired)
		}
	})
}

// repeat sets itself again, as heartbeats do.
type repeat struct {
	Timer
	w     *Wheel
	fired atomic.Int32
}

func (r *repeat) Expire() {
	r.fired.Add(1)
	r.w.Set(&r.Timer, time.Second, r)
}

func TestWheel_taskSetsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Wheel
		r := &repeat{w: &w}
		w.Set(&r.Timer, time.Second, r)
		time.Sleep(60 * time.Second)
		synctest.Wait()
		w.Stop(&r.Timer)
		if got := r.fired.Load(); got < 48 || got > 60 {
			t.Errorf("got fired %d times in a minute, want nearly 60", got)
		}
	})
}

// TestWheel_standsStill: after a long time without timers, a new one is not taken for
// due, and an empty wheel arms nothing.
func TestWheel_standsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Wheel
		var a, b alarm
		w.Set(&a.Timer, 0, &a)
		time.Sleep(time.Hour)
		synctest.Wait()
		if a.fired != 1 || w.armed != 0 {
			t.Fatalf("got fired %d times, armed for %d, want once and 0", a.fired, w.armed)
		}
		begin := time.Now()
		w.Set(&b.Timer, 10*time.Second, &b)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := b.at.Sub(begin); b.fired != 1 || got < 10*time.Second || got > 10*time.Second+2*Tick {
			t.Errorf("got fired %d times, at %s, want once at 10s", b.fired, got)
		}
	})
}

func TestWheel_allocatesNothing(t *testing.T) {
	var w Wheel
	var a alarm
	w.Set(&a.Timer, time.Hour, &a)
	if got := testing.AllocsPerRun(100, func() { w.Set(&a.Timer, time.Hour, &a) }); got != 0 {
		t.Errorf("Set: got %v allocations, want 0", got)
	}
	w.Stop(&a.Timer)
	w.alarm.Stop()
}

func BenchmarkWheel_set(b *testing.B) {
	var w Wheel
	timers := make([]alarm, 10_000)
	i := 0
	for b.Loop() {
		a := &timers[i%len(timers)]
		w.Set(&a.Timer, 30*time.Second, a)
		i++
	}
	for i := range timers {
		w.Stop(&timers[i].Timer)
	}
	w.alarm.Stop()
}
