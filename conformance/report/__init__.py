"""What a run leaves behind: `report.json`, `junit.xml`, `report.html`, and a folder for every finding."""
