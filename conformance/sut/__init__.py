"""The system under test as the suite knows it: claims and addresses (PICS, PIXIT), hooks; ours as the default."""
