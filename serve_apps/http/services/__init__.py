"""What routes need beside the records: broadcasting, archive jobs, images, paths of footage."""
