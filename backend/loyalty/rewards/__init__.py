"""What can be had: rewards as their merchant describes them, gift campaigns, pictures, announcements."""
