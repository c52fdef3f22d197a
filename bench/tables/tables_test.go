package tables

import "testing"

func TestTables_sizes(t *testing.T) {
	for _, tt := range []struct {
		table Table
		want  int
	}{
		{GitHub(), 203}, {ParseCom(), 26}, {GPlus(), 13}, {Static(), 157}, {Growth(1000), 1000},
	} {
		if got := len(tt.table.Routes); got != tt.want {
			t.Errorf("%s: %d routes, want %d", tt.table.Name, got, tt.want)
		}
		seen := map[string]bool{}
		for _, r := range tt.table.Routes {
			key := r.Method + " " + r.Convert("{}")
			if seen[key] {
				t.Errorf("%s: %s %s stands there twice", tt.table.Name, r.Method, r.Pattern)
			}
			seen[key] = true
		}
	}
}

func TestTable_Request(t *testing.T) {
	tab := GitHub()
	r := tab.Find("GET", "/repos/:owner/:repo/issues/:number")
	req := tab.Request(r)
	if len(req.Values) != 3 || req.Path != "/repos/"+req.Values[0]+"/"+req.Values[1]+"/issues/"+req.Values[2] {
		t.Errorf("got %+v", req)
	}
	if got, want := r.Convert("{%s}"), "/repos/{owner}/{repo}/issues/{number}"; got != want {
		t.Errorf("Convert = %s, want %s", got, want)
	}
}
