package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// Read reads the file of a run and checks it.
func Read(file string) (*Run, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := &Run{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

// ReadAll reads the files of one or more runs and merges them, see [Merge].
func ReadAll(files ...string) (*Run, error) {
	var runs []*Run
	for _, file := range files {
		r, err := Read(file)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	return Merge(runs...)
}

// Write writes the run to a file, whole or not at all: an older file of that name stays
// until the new one is complete. Samples are cut to six digits.
func (r *Run) Write(file string) error {
	r.trim()
	if err := r.Check(); err != nil {
		return err
	}
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	part := file + ".part"
	if err := os.WriteFile(part, append(b, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.Rename(part, file); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return nil
}

// trim cuts figures to the digits that they are written with. No measurement here has more.
func (r *Run) trim() {
	for _, s := range r.Scenes {
		for _, c := range s.Contenders {
			for _, v := range c.Values {
				for i, x := range v.Samples {
					v.Samples[i] = six(x)
				}
				for _, e := range []*Estimate{&v.Estimate, v.Ratio, v.Diff} {
					if e != nil {
						*e = Estimate{six(e.Median), six(e.Low), six(e.High)}
					}
				}
			}
		}
	}
}

func six(x float64) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 6, 64), 64)
	if err != nil {
		return x
	}
	return y
}
