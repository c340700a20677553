"""Planning of treatment through the hepatic artery in sessions: the load of each territory, the order of sessions, intervals of the past. Pure."""
