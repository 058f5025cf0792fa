"""To and from the central platform: wire messages, lists pulled, journal pushed, enrolment, time."""
