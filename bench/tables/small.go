package tables

import "fmt"

// One returns a table of one route; it is what hello-world benchmarks measure.
func One(name, pattern string) Table { return Parse(name, "GET "+pattern) }

// Growth returns n routes /api/v1/rK/:id, K from 1 to n: an API that grows by
// resources beside each other.
func Growth(n int) Table {
	t := Table{Name: fmt.Sprintf("growth%d", n)}
	for k := 1; k <= n; k++ {
		t.add("GET", fmt.Sprintf("/api/v1/r%d/:id", k))
	}
	return t
}

// GPlus is the Google+ API of 2013: 13 routes.
func GPlus() Table { return Parse("gplus", gplus) }

const gplus = `
GET /people/:userId
GET /people
GET /activities/:activityId/people/:collection
GET /people/:userId/people/:collection
GET /people/:userId/openIdConnect
GET /people/:userId/activities/:collection
GET /activities/:activityId
GET /activities
GET /activities/:activityId/comments
GET /comments/:commentId
POST /people/:userId/moments/:collection
GET /people/:userId/moments/:collection
DELETE /moments/:id
`

// ParseCom is the REST API of Parse.com: 26 routes.
func ParseCom() Table { return Parse("parse", parseCom) }

const parseCom = `
# objects
POST /1/classes/:className
GET /1/classes/:className/:objectId
PUT /1/classes/:className/:objectId
GET /1/classes/:className
DELETE /1/classes/:className/:objectId
# users
POST /1/users
GET /1/login
GET /1/users/:objectId
PUT /1/users/:objectId
GET /1/users
DELETE /1/users/:objectId
POST /1/requestPasswordReset
# roles
POST /1/roles
GET /1/roles/:objectId
PUT /1/roles/:objectId
GET /1/roles
DELETE /1/roles/:objectId
# files, analytics, push, functions
POST /1/files/:fileName
POST /1/events/:eventName
POST /1/push
POST /1/functions
# installations
POST /1/installations
GET /1/installations/:objectId
PUT /1/installations/:objectId
GET /1/installations
DELETE /1/installations/:objectId
`
