// Package view renders pages of html/template for [geist.Ctx.Render].
//
//	//go:embed all:views
//	var files embed.FS
//
//	views := view.New(view.Config{FS: files, Dir: "views"})
//	app := geist.New(geist.Config{Renderer: views})
//	app.GET("/users/:id", func(c *geist.Ctx) error {
//		return c.Render(200, "users/show", user)
//	}).Name("user")
//
// # Names
//
// A template is named by its path below Dir without the extension: users/show.html is
// "users/show". Text templates (text/template, without any escaping) end in .txt, and so
// do their names: "mail/welcome.txt". What its role is follows from where a file lies:
//
//	layout.html           the layout of the pages beside and below it; the nearest counts
//	layouts/print.html    a layout for pages that ask for it, as all in a directory of that name
//	users/_row.html       a partial, since its name begins with _
//	partials/nav.html     a partial, as all in a directory of that name
//	users/show.html       a page
//
// Partials are there in every page and in each other: {{template "users/_row" .}}. A page
// may be rendered, and so may a partial, which then has no layout. Files and directories
// whose names begin with a dot are passed over.
//
// # Layouts
//
// A layout says {{template "content" .}} where the page goes, and {{block "title" .}}…{{end}}
// for what a page may define otherwise. Each page has a set of its own, made of its layout,
// the partials and itself, so that pages that define the same blocks do not meet. The
// content is what stands in the page outside of its definitions, or what it defines as
// "content". A page that wants another layout says so, {{define "layout"}}layouts/print{{end}},
// and {{define "layout"}}-{{end}} asks for none; [Page] decides for one answer. Names of
// layouts are looked for from the page's directory upwards.
//
// # Fragments
//
// "users/show#row" is the block row of that page alone, "users/show#content" the page
// without its layout: what a script in a page asks for. A fragment is escaped as the
// content of an HTML element: a block that stands within a tag or a script is none.
//
// # Functions
//
// {{urlfor "user" .ID}} is [geist.Ctx.URL], and {{flush}} sends what there is of a page that
// is streamed ([Set.Stream]). Config.Funcs adds functions, Config.RequestFuncs such that
// are given the request, each to be had by its name in all templates:
//
//	RequestFuncs: template.FuncMap{"nonce": secure.Nonce, "csrf": csrf.Token}
//
// # Safety
//
// html/template escapes each value for the place where it stands: text, attributes, URLs,
// scripts, styles. What is of type [html/template.HTML], JS, URL or the like is not escaped; make
// such values of nothing that comes from outside. Errors of templates are logged and not
// shown, unless [Set.ErrorPage] is asked to, with Reload.
package view
