"""What several tests lean on: fakes of the two ports, a scripted server, records to start from."""
