"""The people who run the program: what they may do, and how they prove who they are. Nothing here knows of points."""
