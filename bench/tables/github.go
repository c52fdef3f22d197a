package tables

import "github.com/gogeist/geist/internal/routetables"

// GitHub is version 3 of GitHub's REST API: 203 routes.
//
// Left out for everyone, because httprouter refuses a fixed segment beside a
// parameter (as does every router that grew out of it, in some version):
// /gists/public and /gists/starred beside /gists/:id, …/issues/comments and
// …/issues/events beside …/issues/:number, …/pulls/comments beside
// …/pulls/:number, …/releases/latest beside …/releases/:id, and
// /repos/:owner/:repo/:archive_format/:ref beside everything. They are measured
// in [Siblings]. Left out because the peers' syntax for a rest of the path
// differs in meaning (with or without the slash, empty or not): …/contents/*path
// and …/git/refs/*ref. Most PATCH routes are left out to keep the customary 203,
// which makes figures comparable with older suites.
func GitHub() Table { return Parse("github", routetables.GitHub) }

// Siblings are those routes of GitHub's API in which a fixed segment stands
// beside a parameter: every API has some. httprouter refuses them. Left out for
// everyone: …/issues/comments/:id, which net/http's mux refuses beside
// …/issues/:number/events, since neither is more specific than the other.
func Siblings() Table { return Parse("siblings", siblings) }

const siblings = `
GET /gists
GET /gists/public
GET /gists/starred
GET /gists/:id
GET /gists/:id/star
GET /repos/:owner/:repo/issues
GET /repos/:owner/:repo/issues/comments
GET /repos/:owner/:repo/issues/events
GET /repos/:owner/:repo/issues/:number
GET /repos/:owner/:repo/issues/:number/events
GET /repos/:owner/:repo/pulls/comments
GET /repos/:owner/:repo/pulls/:number
GET /repos/:owner/:repo/pulls/:number/files
GET /repos/:owner/:repo/releases
GET /repos/:owner/:repo/releases/latest
GET /repos/:owner/:repo/releases/:id
GET /repos/:owner/:repo/releases/:id/assets
`
