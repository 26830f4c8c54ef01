// Live events, through a worker that all tabs share where the browser has one.

import { root } from "./here.js";

const EVENTS = ["samples", "text", "gap", "tag", "alarm", "phase", "finding", "heartbeat", "cut"];

// `hear(event, told)` gets every event parsed; an event `lost` says that the connection broke.
// Returns a function that ends it.
export function listen(url, hear) {
  const tell = (event, data) => hear(event, data ? JSON.parse(data) : null);
  if (typeof SharedWorker === "function") {
    try {
      return throughWorker(url, tell);
    } catch (error) {
      console.warn("no shared worker, listening directly:", error.message);
    }
  }
  return directly(url, tell);
}

function throughWorker(url, tell) {
  const worker = new SharedWorker(`${root}/static/js/stream-worker.js`, { name: "thermowell" });
  let stop = () => worker.port.postMessage({ leave: true });
  worker.onerror = () => {
    stop = directly(url, tell);
  };
  worker.port.onmessage = ({ data }) => tell(data.event, data.data);
  worker.port.postMessage({ join: new URL(root + url, location.href).href });
  const leave = () => stop();
  addEventListener("pagehide", leave);
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
  return leave;
}

function directly(url, tell) {
  let source = null;
  let again = null;
  const connect = () => {
    source = new EventSource(root + url);
    for (const event of EVENTS) source.addEventListener(event, ({ data }) => tell(event, data));
    source.onerror = () => {
      tell("lost", "");
      if (source.readyState === EventSource.CLOSED) again = setTimeout(connect, 2000);
    };
  };
  connect();
  return () => {
    clearTimeout(again);
    source.close();
  };
}
