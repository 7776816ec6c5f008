"""What routes need besides the records: broadcasting, archive jobs, images, paths of footage."""
