// Who uses this page, as the server has written into it.

export const { name: myName, role: myRole } = document.body.dataset;

/** Whether this user may write tasks and messages. */
export const mayWrite = myRole !== "viewer";

/** Shows the page on which people sign in, since the server no longer knows who this is. */
export const signIn = () => location.assign("/login");
