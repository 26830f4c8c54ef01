"""How a running bench is steered from outside: faults and time, over HTTP on the loopback.

Every answer is JSON. With a token, each request needs `Authorization: Bearer TOKEN`. Durations are `"10min"`, `"1 h 30 min"`
or a number of seconds of plant time; plant times are ISO 8601, UTC.

| request | body | answer |
|---|---|---|
| `GET /v1/status` | | 200 `{"ready", "scenario", "seed", "plant_time", "second", "speed", "paused", "behind_s", "ended",
  "units": [{"unit", "phase", "batch", "since"}], "faults": [FAULT…], "addresses": {"opcua", "mqtt", "control", …},
  "clock": {"wall_origin", "plant_origin", "speed"}}` |
| `GET /v1/catalogue` | | 200 `{"kinds": [{"kind", "domain", "targets", "does", "gradual", "settings": {NAME: {"does", "unit",
  "default", "low", "high", "choices", "required"}}}]}` |
| `POST /v1/faults` | FAULT without its state | 201 FAULT; it starts at once, or in `after` |
| `DELETE /v1/faults/ID` | | 200 FAULT, cleared |
| `POST /v1/advance` | `{"by": "10min"}` | 200 status, once the plant has run so far and every value is published |
| `POST /v1/pause`, `/v1/resume` | | 200 status |
| `POST /v1/speed` | `{"speed": 60}` | 200 status |
| `GET /v1/truth` | | 200 `{"labels": [{"kind", "id", "what", "subject", "unit", "onset", "end", "batch", "phase", "visible",
  "seen_on", "hidden"}]}`, so far |

FAULT is `{"id", "kind", "target", "settings": {}, "lasts", "after", "shape": "step" | "ramp" | "intermittent", "ramp", "power",
"period", "on"}`, of which `kind` and `target` are needed, and in answers `"state": "waiting" | "active" | "over"` and
`"since"`. Settings are numbers in the catalogue's units, or words.

What is refused is 400 `{"error": {"field", "message"}}` (401 without the token, 404 for a fault that is not there, 409 where
the plant cannot do it now). The same as OPC UA methods: `Bench/Advance`, `Bench/Inject`, `Bench/Clear` (`opcua_methods`).
"""
