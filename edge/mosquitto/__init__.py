"""What Mosquitto is given by Saksi: configuration, users with their rights and passwords, and a memory it can read."""
