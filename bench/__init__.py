"""What people use: command line, head end, suites, evidence and reports."""
