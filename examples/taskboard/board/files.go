package board

import (
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
	errNoFiles    = geist.NewError(422, "the form has no file: send one part for each, with a filename")
	errNotAFile   = geist.NewError(422, "the form has a field that is no file: send only files")
	errOtherSites = geist.NewError(403, "files are taken from the board's own page and from programs, not from other sites")
)

// registerFiles adds the routes of the files of a task. Uploads are read from the
// connection as they come: StreamBody; with a limit and a time of their own.
func (a *API) registerFiles(task *geist.Group) {
	files := task.Group("/files")
	files.GET("", a.listFiles)
	files.POST("", a.upload).Doc(geist.With(sameSite), geist.StreamBody(), geist.BodyLimit(maxUpload), geist.Timeout(uploadTime))
	files.GET("/:file<int>", a.download)
	files.DELETE("/:file<int>", a.removeFile)
}

// sameSite keeps other sites out. A browser lets any page send a form here, and unlike
// JSON without asking first; but it says where the form comes from.
func sameSite(c *geist.Ctx) error {
	switch c.Header("Sec-Fetch-Site") {
	case "", "same-origin", "none": // none is a person who typed the address; "" is no browser
		return c.Next()
	}
	return errOtherSites
}

// fileList is the answer that lists files.
type fileList struct {
	Files []*File `json:"files"`
	// Task is the task with the files that a request has brought.
	Task *Task `json:"task,omitempty"`
}

// listFiles answers GET /api/tasks/:id/files.
func (a *API) listFiles(c *geist.Ctx) error {
	id, err := geist.Param[int64](c, "id")
	if err != nil {
		return err
	}
	files, err := a.store.Files(c.Context(), id)
	if err != nil {
		return err
	}
	return c.JSON(200, &fileList{Files: files})
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

// download answers GET /api/tasks/:id/files/:file, with ranges, so that a download that
// broke off goes on where it was.
//
// What somebody has uploaded is never shown as part of this site: it is saved as a file,
// of no type that a browser runs, whatever it is called.
func (a *API) download(c *geist.Ctx) error {
	task, file, err := fileTarget(c)
	if err != nil {
		return err
	}
	f, path, err := a.store.File(c.Context(), task, file)
	if err != nil {
		return err
	}
	c.SetHeader("X-Content-Type-Options", "nosniff")
	c.SetHeader("Content-Security-Policy", "sandbox; default-src 'none'")
	return c.Attachment(path, f.Name)
}

// removeFile answers DELETE /api/tasks/:id/files/:file with the task as it is then.
func (a *API) removeFile(c *geist.Ctx) error {
	task, file, err := fileTarget(c)
	if err != nil {
		return err
	}
	t, err := a.store.Detach(c.Context(), task, file)
	if err != nil {
		return err
	}
	a.tellTask(c, t)
	return answerTask(c, 200, t)
}

func fileTarget(c *geist.Ctx) (task, file int64, err error) {
	if task, err = geist.Param[int64](c, "id"); err != nil {
		return 0, 0, err
	}
	file, err = geist.Param[int64](c, "file")
	return task, file, err
}
