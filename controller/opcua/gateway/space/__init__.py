"""What clients can browse: the standard nodes, and the plant's, made when somebody asks for them.

Nodes of the plant are not stored: a node id says what it is ('PT-303', 'PT-303/EURange',
'LT-201.HH/AckedState/Id'), and a template says what it has. So 2,000 tags and 1,000 alarms cost little.
"""
