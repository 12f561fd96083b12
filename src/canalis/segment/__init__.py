"""A Volume to a Segmentation: where the canal, the ossification and each vertebra lie."""
