//go:build linux

package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
)

// A Baseline is what figures are compared with.
type Baseline struct {
	// Go is the version that they were counted with: another may allocate otherwise.
	Go string `json:"go"`
	// Figures are values by name.
	Figures map[string]float64 `json:"figures"`
}

// NewBaseline returns the baseline that figures are equal to.
func NewBaseline(figures []Figure) *Baseline {
	b := &Baseline{Go: runtime.Version(), Figures: map[string]float64{}}
	for _, f := range figures {
		b.Figures[f.Name] = f.Value
	}
	return b
}

// ReadBaseline reads a file.
func ReadBaseline(file string) (*Baseline, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	b := &Baseline{}
	if err := json.Unmarshal(text, b); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(b.Figures) == 0 {
		return nil, fmt.Errorf("%s: %w", file, errors.New("it has no figures"))
	}
	return b, nil
}

// Write writes the baseline to a file, one figure a line, in alphabetical order.
func (b *Baseline) Write(file string) error {
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

func (b *Baseline) names() []string { return slices.Sorted(maps.Keys(b.Figures)) }
