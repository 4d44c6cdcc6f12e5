"""A server of the standard library: requests of many clients, computed together by one thread. It knows no model."""
