package geist

import (
	"reflect"
	"strings"
	"testing"
)

func TestTagProblems(t *testing.T) {
	for tag, want := range map[string]string{
		``:                                       "",
		`query:"a" json:"-"`:                     "",
		`query:"a,comma" uri:"b"`:                "",
		`form:"a,default=1,omitempty"`:           "",
		`json:"a,omitempty" xml:"a"`:             "",
		`db:"a" gorm:"b" bson:"c"`:               "",
		`yaml:"a" toml:"b" mapstruct:"c"`:        "",
		`validate:"required" binding:"required"`: "",
		`query:a`:                                "malformed",
		`query:"a`:                               "malformed",
		`query: "a"`:                             "malformed",
		`query`:                                  "malformed",
		`:"a"`:                                   "malformed",
		"query:`a`":                              "malformed",
		`Query:"a"`:                              "did you mean query?",
		`qury:"a"`:                               "did you mean query?",
		`queryy:"a"`:                             "did you mean query?",
		`haeder:"a"`:                             "did you mean header?",
		`pathh:"a"`:                              "did you mean path?",
		`from:"a"`:                               "did you mean form?",
		`validat:"min=1"`:                        "did you mean validate?",
		`headers:"a"`:                            "did you mean header?",
		`reqHeader:"a"`:                          "use header",
		`required:"true"`:                        `use binding:"required"`,
		`query:"a,required"`:                     `option "required" in its tag query`,
		`header:"a" cookie:"b,x"`:                `option "x" in its tag cookie`,
		`binding:"min=1"`:                        "put the others into validate",
	} {
		got := tagProblems(reflect.StructTag(tag), true)
		switch {
		case want == "" && len(got) > 0:
			t.Errorf("%s: got %q, want none", tag, got)
		case want != "" && (len(got) != 1 || !strings.Contains(got[0], want)):
			t.Errorf("%s: got %q, want one that says %q", tag, got, want)
		}
	}
	if got := tagProblems(`binding:"min=1"`, false); got != nil {
		t.Errorf("of Ctx.Bind: got %q, want none: Gin's rules are for Gin", got)
	}
}
