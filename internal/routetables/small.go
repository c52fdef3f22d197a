package routetables

// GPlus is the API of Google+: 13 routes.
const GPlus = `
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

// Parse is the API of Parse: 26 routes.
const Parse = `
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
