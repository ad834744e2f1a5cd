"""The Smart Metering Key Infrastructure: certificates, requests and their profiles."""
