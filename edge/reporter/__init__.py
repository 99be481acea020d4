"""The reporter: folds the events of the site into reports, and brings them to headquarters by MQTT and HTTP."""
