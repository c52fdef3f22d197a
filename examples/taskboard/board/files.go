package board

import (
	"mime/multipart"
	"time"

	"github.com/gogeist/geist"
)

const (
	// maxUpload bounds one request with files, in bytes.
	maxUpload = 64 << 20
	// uploadTime bounds how long such a request may take. A client that sends nothing at
	// all is given up far sooner, after Config.ReadTimeout.
	uploadTime = 10 * time.Minute
)

var (
	errNoFiles  = geist.NewError(422, "the form has no file: send one part for each, with a filename")
	errNotAFile = geist.NewError(422, "the form has a field that is no file: send only files")
)

// registerFiles adds the routes of the files of a task. Uploads are read from the
// connection as they come: StreamBody; with a limit and a time of their own.
func (a *API) registerFiles(files *geist.Group) {
	changes := a.writes(files, "")
	geist.Get(files, "", a.listFiles, geist.Summary("List the files of a task"), missing).Name("listFiles")
	changes.POST("", a.upload).Name("uploadFiles").Doc(geist.Summary("Attach files to a task"), geist.Description("All files of the form, or none."),
		geist.StreamBody(), geist.BodyLimit(maxUpload), geist.Timeout(uploadTime),
		geist.Body[upload](), geist.Returns[fileList](201, "The new files, and the task as it is then."), missing,
		geist.Returns[geist.Problem](400), geist.Returns[geist.Problem](409, "The task has 20 files."), geist.Returns[geist.Problem](413, "A file, or all of them, is too large."),
		geist.Returns[geist.Problem](415), geist.Returns[geist.Problem](422, "There is no file, or something that is none."))
	files.GET("/:file<int>", a.download).Name("downloadFile").Doc(geist.Summary("Download a file"), geist.Body[download](),
		geist.Produces(200, octets, "The file."), geist.Produces(206, octets, "The part of it that Range asks for."),
		geist.Returns[geist.None](304, "The client has this file."), geist.Returns[geist.Problem](404, "There is no such file."),
		geist.Returns[geist.Problem](412, "A condition does not hold."), geist.Returns[geist.Problem](416, "The file is shorter than that."))
	geist.Delete(changes, "/:file<int>", a.removeFile, geist.Summary("Delete a file"),
		geist.Returns[geist.Problem](404, "There is no such file.")).Name("deleteFile")
}

// octets is what every file is sent as.
const octets = "application/octet-stream"

// upload describes the form of an upload, which is read part by part.
type upload struct {
	which
	Files []*multipart.FileHeader `form:"file" binding:"required" doc:"At most 16 MiB each. The names of the parts do not count."`
}

// fileList is the answer that lists files.
type fileList struct {
	Files []*File `json:"files"`
	// Task is the task with the files that a request has brought.
	Task *Task `json:"task,omitempty"`
}

// listFiles answers GET /api/tasks/:id/files.
func (a *API) listFiles(c *geist.Ctx, in *which) (*fileList, error) {
	files, err := a.store.Files(c.Context(), in.ID)
	if err != nil {
		return nil, err
	}
	return &fileList{Files: files}, nil
}

// upload answers POST /api/tasks/:id/files: 201 with the new files, all that the form
// has or none. Whatever goes wrong on the way, also that the client leaves, nothing of it
// stays on the disk.
func (a *API) upload(c *geist.Ctx) error {
	id, err := geist.Param[int64](c, "id")
	if err != nil {
		return err
	}
	t, err := a.store.Get(c.Context(), id) // before anything of the body is read
	if err != nil {
		return err
	}
	if t.Files >= maxFiles {
		return ErrTooManyFiles
	}
	up := a.store.NewUpload()
	defer up.Close()
	err = geist.EachPart(c, func(p *geist.Part) error {
		if !p.IsFile() {
			return errNotAFile
		}
		return up.Add(p.FileName(), p)
	})
	if err != nil {
		return err
	}
	if len(up.files) == 0 {
		return errNoFiles
	}
	t, files, err := a.store.Attach(c.Context(), id, up)
	if err != nil {
		return err
	}
	a.tellTask(c, t)
	c.SetHeader("ETag", etag(t))
	return c.JSON(201, &fileList{Files: files, Task: t})
}

// fileTarget names a file.
type fileTarget struct {
	which
	File int64 `path:"file" doc:"The file's." example:"3"`
}

// download describes a download, whose field Range is read where the file is sent.
type download struct {
	fileTarget
	Range string `header:"Range" doc:"A part of the file: bytes=0-9." example:"bytes=0-9"`
}

// download answers GET /api/tasks/:id/files/:file, with ranges, so that a download that
// broke off goes on where it was.
//
// What somebody has uploaded is never shown as part of this site: it is saved as a file,
// of no type that a browser runs, whatever it is called.
func (a *API) download(c *geist.Ctx) error {
	var in fileTarget
	if err := c.Bind(&in); err != nil {
		return err
	}
	f, path, err := a.store.File(c.Context(), in.ID, in.File)
	if err != nil {
		return err
	}
	c.SetHeader("X-Content-Type-Options", "nosniff")
	c.SetHeader("Content-Security-Policy", "sandbox; default-src 'none'")
	return c.Attachment(path, f.Name)
}

// removeFile answers DELETE /api/tasks/:id/files/:file with the task as it is then.
func (a *API) removeFile(c *geist.Ctx, in *fileTarget) (*Task, error) {
	t, err := a.store.Detach(c.Context(), in.ID, in.File)
	if err != nil {
		return nil, err
	}
	a.tellTask(c, t)
	return tagged(c, t), nil
}
