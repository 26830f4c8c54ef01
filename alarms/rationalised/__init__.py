"""The alarms that every plant has, rationalised: one file a subject. Data; `alarms.defaults` puts them in order."""
