// One event stream for all tabs: a browser opens only six connections to one host.

const EVENTS = ["samples", "text", "gap", "tag", "alarm", "phase", "finding", "heartbeat", "cut"];
const streams = new Map(); // url -> { source, ports }

function open(url) {
  const stream = { source: null, ports: new Set(), again: null };
  const tell = (event, data) => stream.ports.forEach((port) => port.postMessage({ event, data }));
  const connect = () => {
    stream.source = new EventSource(url);
    for (const event of EVENTS) stream.source.addEventListener(event, ({ data }) => tell(event, data));
    stream.source.onerror = () => {
      tell("lost", "");
      // The browser reconnects by itself, but gives up when the service answers with an error.
      if (stream.source.readyState === EventSource.CLOSED) stream.again = setTimeout(connect, 2000);
    };
  };
  connect();
  return stream;
}

function join(port, url) {
  if (!streams.has(url)) streams.set(url, open(url));
  streams.get(url).ports.add(port);
}

// One horn for all tabs: of those that can sound, the first goes on as long as it says so.
const SILENT_AFTER_MS = 10000;
const hornists = new Map(); // port -> when it last said that it can sound, ms

function chooseHorn(port, canSound) {
  if (canSound) hornists.set(port, Date.now());
  else hornists.delete(port);
  for (const [other, saidMs] of hornists) if (Date.now() - saidMs > SILENT_AFTER_MS) hornists.delete(other);
  port.postMessage({ event: "horn", data: hornists.size === 0 || hornists.keys().next().value === port });
}

function leave(port) {
  for (const [url, stream] of streams) {
    stream.ports.delete(port);
    if (stream.ports.size === 0) {
      clearTimeout(stream.again);
      stream.source.close();
      streams.delete(url);
    }
  }
}

self.onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) => {
    if ("horn" in data) chooseHorn(port, data.horn);
    else if (data.join) join(port, data.join);
    else leave(port);
  };
};
