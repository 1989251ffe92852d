"""Images, at torchvision's places: `minigrad.vision.datasets`, `.transforms` and `.models`."""
