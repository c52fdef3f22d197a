// Hands what an authorization server has sent here to the page that has opened this window,
// in the way that Swagger UI waits for it: window.swaggerUIRedirectOauth2.

const waiting = window.opener?.swaggerUIRedirectOauth2;
const parameters = new URLSearchParams(location.hash.length > 1 ? location.hash.slice(1) : location.search);

if (waiting) {
  const { auth, state, redirectUrl, callback, errCb: fail } = waiting;
  const said = Object.fromEntries(parameters);
  const report = (level, message) => fail({ authId: auth.name, source: "auth", level, message });
  const flow = auth.schema.get("flow");
  const byCode = ["accessCode", "authorizationCode", "authorization_code"].includes(flow);

  if (said.state !== state) {
    report("error", "The answer belongs to another request: its state differs.");
  } else if (said.error) {
    report("error", [said.error, said.error_description, said.error_uri].filter(Boolean).join(": "));
  } else if (byCode && !auth.code && said.code) {
    auth.code = said.code;
    delete auth.state;
    callback({ auth, redirectUrl });
  } else if (byCode) {
    report("error", "The authorization server has sent no code.");
  } else {
    callback({ auth, token: said, isValid: true, redirectUrl });
  }
  window.close();
}
