class CreateMethods:
    __slots__ = ()
class RandomMethods:
    __slots__ = ()
