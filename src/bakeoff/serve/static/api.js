// Requests to the server that this page came from.

export class TokenNeeded extends Error {}

let token = sessionStorage.getItem("token");

// Remember the token for this tab, and get a cookie for reports, because links cannot carry the token.
export async function useToken(value) {
  token = value;
  await send("/v1/session", { method: "POST" });
  sessionStorage.setItem("token", value);
}

export async function get(path) {
  return (await send(path)).json();
}

export async function post(path, body, signal) {
  return (await send(path, asJson(body, signal))).json();
}

export async function remove(path) {
  await send(path, { method: "DELETE" });
}

// Send a file as it is.
export async function upload(path, file) {
  const headers = { "Content-Type": "application/octet-stream" };
  return (await send(path, { method: "POST", body: file, headers })).json();
}

// Yield the chunks of a streamed answer.
export async function* stream(path, body, signal) {
  const response = await send(path, asJson({ ...body, stream: true }, signal));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("The server closed the connection before the end of the text.");
    const events = (buffer + value).split("\n\n");
    buffer = events.pop();
    for (const event of events) {
      const data = event.slice("data: ".length);
      if (data === "[DONE]") return;
      yield JSON.parse(data);
    }
  }
}

function asJson(body, signal) {
  return { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" }, signal };
}

async function send(path, options = {}) {
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Error("The server does not respond. Is it still running?");
  }
  if (response.status === 401) throw new TokenNeeded(token ? "Wrong token." : "");
  if (!response.ok) {
    const body = await response.json().catch(() => null);
    throw new Error(body?.error?.message ?? `The server responded with status ${response.status}.`);
  }
  return response;
}
