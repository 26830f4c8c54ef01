BEGIN TRANSACTION;
CREATE TABLE about (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "about" VALUES('format','5');
CREATE TABLE alarms_now (
	alarm TEXT NOT NULL, 
	sequence BIGINT NOT NULL, 
	PRIMARY KEY (alarm), 
	UNIQUE (sequence)
);
INSERT INTO "alarms_now" VALUES('R101.TT~high',2);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0005');
CREATE TABLE audit (
	sequence BIGINT NOT NULL, 
	reference TEXT NOT NULL, 
	at_ns BIGINT NOT NULL, 
	recorded_ns BIGINT NOT NULL, 
	person TEXT NOT NULL, 
	role TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	what TEXT NOT NULL, 
	comment TEXT NOT NULL, 
	previous TEXT NOT NULL, 
	hash TEXT NOT NULL, format INTEGER DEFAULT '1' NOT NULL, offset_s INTEGER DEFAULT '0' NOT NULL, old TEXT DEFAULT '' NOT NULL, new TEXT DEFAULT '' NOT NULL, batch TEXT DEFAULT '' NOT NULL, authoriser TEXT DEFAULT '' NOT NULL, origin TEXT DEFAULT '' NOT NULL, zone TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (sequence), 
	UNIQUE (reference)
);
INSERT INTO "audit" VALUES(1,'a1',500,1800000000000000000,'Ann','','shelve','R101.TT~high','shelved','valve in repair','0000000000000000000000000000000000000000000000000000000000000000','10adaa32bf210912641e29d24fd61a967c3add946fe5d9ff0e07922b8a586548',1,0,'','','','','','');
CREATE TABLE batch_events (
	sequence INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	source TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	unit TEXT NOT NULL, 
	batch TEXT NOT NULL, 
	phase TEXT NOT NULL, 
	material TEXT NOT NULL, 
	amount TEXT NOT NULL, 
	amount_unit TEXT NOT NULL, 
	from_unit TEXT NOT NULL, 
	to_unit TEXT NOT NULL, 
	relatives TEXT NOT NULL, 
	person TEXT NOT NULL, 
	time_ns BIGINT NOT NULL, 
	recorded_ns BIGINT NOT NULL, 
	entry BIGINT NOT NULL, 
	"row" BIGINT NOT NULL, 
	PRIMARY KEY (sequence), 
	UNIQUE (source, id)
);
CREATE TABLE batch_links (
	sequence INTEGER NOT NULL, 
	parent TEXT NOT NULL, 
	child TEXT NOT NULL, 
	kinship TEXT NOT NULL, 
	time_ns BIGINT NOT NULL, 
	source TEXT NOT NULL, 
	event TEXT NOT NULL, 
	PRIMARY KEY (sequence), 
	UNIQUE (parent, child)
);
CREATE TABLE cursors (
	name TEXT NOT NULL, 
	position BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "cursors" VALUES('judging',3);
CREATE TABLE equipment_states (
	sequence INTEGER NOT NULL, 
	unit TEXT NOT NULL, 
	state TEXT NOT NULL, 
	since_ns BIGINT NOT NULL, 
	entry BIGINT NOT NULL, 
	"row" BIGINT NOT NULL, 
	PRIMARY KEY (sequence), 
	UNIQUE (unit, entry, "row")
);
CREATE TABLE event_requests (
	sequence INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	source TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	unit TEXT NOT NULL, 
	batch TEXT NOT NULL, 
	phase TEXT NOT NULL, 
	material TEXT NOT NULL, 
	amount TEXT NOT NULL, 
	amount_unit TEXT NOT NULL, 
	from_unit TEXT NOT NULL, 
	to_unit TEXT NOT NULL, 
	relatives TEXT NOT NULL, 
	person TEXT NOT NULL, 
	time_ns BIGINT NOT NULL, 
	recorded_ns BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	error TEXT NOT NULL, 
	PRIMARY KEY (sequence), 
	CONSTRAINT event_requests_id UNIQUE (id)
);
CREATE TABLE findings (
	sequence INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	rule TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	stage TEXT NOT NULL, 
	onset_ns BIGINT NOT NULL, 
	end_ns BIGINT, 
	at_ns BIGINT NOT NULL, 
	entry BIGINT NOT NULL, 
	"row" BIGINT NOT NULL, 
	message TEXT NOT NULL, 
	unit TEXT NOT NULL, 
	batch TEXT NOT NULL, 
	phase TEXT NOT NULL, 
	phase_instance TEXT NOT NULL, 
	ranges_version TEXT NOT NULL, 
	rules_hash TEXT NOT NULL, 
	evidence TEXT NOT NULL, 
	PRIMARY KEY (sequence), 
	UNIQUE (id, version)
);
INSERT INTO "findings" VALUES(1,'f1',1,'excursion.nor.high','R101.TT','open',100,NULL,110,7,3,'R101.TT is 62.4 degC, above 62','R101','B-1','dose','R101/B-1/dose/1','API-1 v7','abc','{"limit": 62.0, "peak": 62.4, "samples": 1152921504606846976, "note": "µ", "nothing": null}');
CREATE TABLE findings_now (
	id TEXT NOT NULL, 
	sequence BIGINT NOT NULL, 
	version INTEGER NOT NULL, 
	subject TEXT NOT NULL, 
	stage TEXT NOT NULL, 
	onset_ns BIGINT NOT NULL, 
	end_ns BIGINT, 
	PRIMARY KEY (id), 
	UNIQUE (sequence)
);
INSERT INTO "findings_now" VALUES('f1',1,1,'R101.TT','open',100,NULL);
CREATE TABLE leases (
	role TEXT NOT NULL, 
	holder TEXT NOT NULL, 
	host TEXT NOT NULL, 
	kernel TEXT NOT NULL, 
	started TEXT NOT NULL, 
	pid BIGINT NOT NULL, 
	renewals BIGINT NOT NULL, 
	taken_ns BIGINT NOT NULL, 
	PRIMARY KEY (role)
);
CREATE TABLE notices (
	sequence INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	title TEXT NOT NULL, 
	text TEXT NOT NULL, 
	transition TEXT NOT NULL, 
	at_ns BIGINT NOT NULL, 
	priority INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_try_ns BIGINT, 
	last_error TEXT NOT NULL, 
	receipt TEXT NOT NULL, 
	person TEXT NOT NULL, 
	via TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	unless_acknowledged BOOLEAN NOT NULL, 
	begun_ns BIGINT, 
	ended_ns BIGINT, 
	PRIMARY KEY (sequence), 
	UNIQUE (id)
);
INSERT INTO "notices" VALUES(1,'n1','leads','HIGH: R101.TT high','R101.TT is 62.4 degC','R101.TT~high.1',1001,3,'pending',0,0,'','','','','',0,NULL,NULL);
CREATE TABLE people (
	sequence INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	role TEXT NOT NULL, 
	token_sha256 TEXT NOT NULL, 
	created_ns BIGINT NOT NULL, 
	revoked_ns BIGINT, 
	PRIMARY KEY (sequence), 
	UNIQUE (token_sha256)
);
CREATE TABLE phases (
	instance TEXT NOT NULL, 
	unit TEXT NOT NULL, 
	batch TEXT NOT NULL, 
	phase TEXT NOT NULL, 
	recipe TEXT NOT NULL, 
	start_ns BIGINT NOT NULL, 
	end_ns BIGINT, 
	start_entry BIGINT NOT NULL, 
	start_row BIGINT NOT NULL, 
	PRIMARY KEY (instance)
);
INSERT INTO "phases" VALUES('R101/B-1/dose/1','R101','B-1','dose','API-1 v7',100,NULL,5,2);
CREATE TABLE range_proposals (
	sequence INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	at_ns BIGINT NOT NULL, 
	product TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	change TEXT NOT NULL, 
	study TEXT NOT NULL, 
	person TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	content TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	PRIMARY KEY (sequence), 
	UNIQUE (id)
);
CREATE TABLE range_versions (
	sequence INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	at_ns BIGINT NOT NULL, 
	valid_from_ns BIGINT NOT NULL, 
	recorded_ns BIGINT NOT NULL, 
	entry BIGINT NOT NULL, 
	product TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	change TEXT NOT NULL, 
	study TEXT NOT NULL, 
	proposal TEXT NOT NULL, 
	proposer TEXT NOT NULL, 
	approver TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	content TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	PRIMARY KEY (sequence), 
	UNIQUE (id)
);
CREATE TABLE requests (
	sequence INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	at_ns BIGINT NOT NULL, 
	person TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	comment TEXT NOT NULL, 
	until_ns BIGINT, 
	state TEXT NOT NULL, 
	error TEXT NOT NULL, role TEXT DEFAULT '' NOT NULL, origin TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (sequence), 
	UNIQUE (id)
);
INSERT INTO "requests" VALUES(1,'a2',500,'Ann','shelve','R101.TT~high','valve in repair',900,'waiting','','','');
CREATE TABLE snapshots (
	name TEXT NOT NULL, 
	position BIGINT NOT NULL, 
	state BLOB NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "snapshots" VALUES('judging',2,X'007374617465');
CREATE TABLE transitions (
	sequence INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	alarm TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	at_ns BIGINT NOT NULL, 
	what TEXT NOT NULL, 
	active BOOLEAN NOT NULL, 
	acknowledged BOOLEAN NOT NULL, 
	latched BOOLEAN NOT NULL, 
	shelved_until_ns BIGINT, 
	shelved_priority INTEGER, 
	suppressed BOOLEAN NOT NULL, 
	out_of_service BOOLEAN NOT NULL, 
	priority INTEGER NOT NULL, 
	rule TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	name TEXT NOT NULL, 
	message TEXT NOT NULL, 
	unit TEXT NOT NULL, 
	batch TEXT NOT NULL, 
	phase TEXT NOT NULL, 
	finding TEXT NOT NULL, 
	finding_version INTEGER NOT NULL, 
	person TEXT NOT NULL, 
	comment TEXT NOT NULL, 
	cause TEXT NOT NULL, 
	consequence TEXT NOT NULL, 
	action TEXT NOT NULL, 
	respond_within_ns BIGINT, 
	occurrence BIGINT NOT NULL, 
	since_ns BIGINT, suppressed_by TEXT DEFAULT '' NOT NULL, alarm_class TEXT DEFAULT '' NOT NULL, first_in_group TEXT DEFAULT '' NOT NULL, position TEXT DEFAULT '' NOT NULL, dcs_alarm TEXT DEFAULT '' NOT NULL, announces BOOLEAN DEFAULT 0 NOT NULL, dcs_priority INTEGER, activated_ns BIGINT, asked_ns BIGINT, acknowledged_ns BIGINT, 
	PRIMARY KEY (sequence), 
	UNIQUE (id)
);
INSERT INTO "transitions" VALUES(1,'R101.TT~high.1','R101.TT~high',1,1001,'activated',1,0,0,NULL,NULL,0,0,2,'excursion.nor.high','R101.TT','high','R101.TT is 62.4 degC, above 62','R101','B-1','dose','f1',1,'Ann','seen','Cooling lost','Impurity D','Stop dosing',600,2,90,'','','','','',1,NULL,NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(2,'R101.TT~high.2','R101.TT~high',2,1002,'returned',1,0,0,NULL,NULL,0,0,2,'excursion.nor.high','R101.TT','high','R101.TT is 62.4 degC, above 62','R101','B-1','dose','f1',1,'Ann','seen','Cooling lost','Impurity D','Stop dosing',600,2,90,'','','','','',0,NULL,NULL,NULL,NULL);
CREATE INDEX findings_of_batch ON findings (batch, sequence);
CREATE INDEX findings_now_of_subject ON findings_now (subject, sequence);
CREATE INDEX findings_now_of_stage ON findings_now (stage);
CREATE INDEX phases_by_start ON phases (start_ns);
CREATE INDEX phases_of_batch ON phases (batch, start_ns);
CREATE INDEX transitions_of_batch ON transitions (batch, sequence);
CREATE INDEX transitions_of_alarm ON transitions (alarm, sequence);
CREATE INDEX notices_to_try ON notices (next_try_ns);
CREATE INDEX notices_by_state ON notices (state);
CREATE INDEX people_by_name ON people (name);
CREATE INDEX requests_by_state ON requests (state, sequence);
CREATE INDEX batch_events_of_kind ON batch_events (kind);
CREATE INDEX batch_events_of_batch ON batch_events (batch, time_ns);
CREATE INDEX batch_links_of_child ON batch_links (child);
CREATE INDEX event_requests_by_state ON event_requests (state, sequence);
CREATE INDEX transitions_by_time ON transitions (at_ns);
CREATE INDEX audit_of_person ON audit (person, sequence);
CREATE INDEX audit_of_kind ON audit (kind, sequence);
CREATE INDEX audit_of_subject ON audit (subject, sequence);
CREATE INDEX audit_of_batch ON audit (batch, sequence);
CREATE TRIGGER audit_no_update BEFORE update ON "audit"
BEGIN SELECT RAISE(ABORT, 'audit is only ever added to'); END;
CREATE TRIGGER audit_no_delete BEFORE delete ON "audit"
BEGIN SELECT RAISE(ABORT, 'audit is only ever added to'); END;
CREATE TRIGGER audit_no_replace BEFORE INSERT ON "audit"
WHEN EXISTS (SELECT 1 FROM "audit" WHERE sequence = NEW.sequence)
BEGIN SELECT RAISE(ABORT, 'audit is only ever added to'); END;
CREATE TRIGGER findings_no_update BEFORE update ON "findings"
BEGIN SELECT RAISE(ABORT, 'findings is only ever added to'); END;
CREATE TRIGGER findings_no_delete BEFORE delete ON "findings"
BEGIN SELECT RAISE(ABORT, 'findings is only ever added to'); END;
CREATE TRIGGER findings_no_replace BEFORE INSERT ON "findings"
WHEN EXISTS (SELECT 1 FROM "findings" WHERE sequence = NEW.sequence)
BEGIN SELECT RAISE(ABORT, 'findings is only ever added to'); END;
CREATE TRIGGER transitions_no_update BEFORE update ON "transitions"
BEGIN SELECT RAISE(ABORT, 'transitions is only ever added to'); END;
CREATE TRIGGER transitions_no_delete BEFORE delete ON "transitions"
BEGIN SELECT RAISE(ABORT, 'transitions is only ever added to'); END;
CREATE TRIGGER transitions_no_replace BEFORE INSERT ON "transitions"
WHEN EXISTS (SELECT 1 FROM "transitions" WHERE sequence = NEW.sequence)
BEGIN SELECT RAISE(ABORT, 'transitions is only ever added to'); END;
CREATE TRIGGER range_proposals_no_update BEFORE update ON "range_proposals"
BEGIN SELECT RAISE(ABORT, 'range_proposals is only ever added to'); END;
CREATE TRIGGER range_proposals_no_delete BEFORE delete ON "range_proposals"
BEGIN SELECT RAISE(ABORT, 'range_proposals is only ever added to'); END;
CREATE TRIGGER range_proposals_no_replace BEFORE INSERT ON "range_proposals"
WHEN EXISTS (SELECT 1 FROM "range_proposals" WHERE sequence = NEW.sequence)
BEGIN SELECT RAISE(ABORT, 'range_proposals is only ever added to'); END;
CREATE TRIGGER range_versions_no_update BEFORE update ON "range_versions"
BEGIN SELECT RAISE(ABORT, 'range_versions is only ever added to'); END;
CREATE TRIGGER range_versions_no_delete BEFORE delete ON "range_versions"
BEGIN SELECT RAISE(ABORT, 'range_versions is only ever added to'); END;
CREATE TRIGGER range_versions_no_replace BEFORE INSERT ON "range_versions"
WHEN EXISTS (SELECT 1 FROM "range_versions" WHERE sequence = NEW.sequence)
BEGIN SELECT RAISE(ABORT, 'range_versions is only ever added to'); END;
COMMIT;
