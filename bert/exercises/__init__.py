"""The project as a course: functions to fill in, and checks that say in a sentence what is wrong."""
