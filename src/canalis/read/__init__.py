"""Files to a Volume: DICOM, zip, NIfTI."""
